"""The Compute API for any WSGI server: ``nova_mini.wsgi.osapi_compute:application``."""

from nova_mini.api import wsgi_app
from nova_mini.wsgi.application import Application

application = Application(wsgi_app.COMPUTE)
