"""How a host reaches volumes: a driver for each kind of connection that Cinder may offer."""
