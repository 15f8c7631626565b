"""Names each request: in our header, in OpenStack's, and in every log line and action."""

from oslo_middleware import request_id


class ComputeReqIdMiddleware(request_id.RequestId):
    compat_headers = ["x-compute-request-id"]
