"""Gives each request an id, which stands in the response, in log lines and in instance actions."""

from oslo_middleware import request_id


class ComputeReqIdMiddleware(request_id.RequestId):
    compat_headers = ["x-compute-request-id"]
