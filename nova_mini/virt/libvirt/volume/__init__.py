"""Connect volumes to the host: a driver for each kind of connection that Cinder offers."""
