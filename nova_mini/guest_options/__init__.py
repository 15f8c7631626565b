"""The extra specs of flavors and the properties of images: which are supported.

``flavor_options`` and ``image_options`` are the registry. For every key of Nova it has the allowed
values and the component that implements it here. A request with a key that is not implemented is
refused (``check``), so that a server never runs without a requested feature. A new feature changes
the entry of its key in the registry; the check, the validation of flavors and the reference page
use that entry.

Keys that Nova does not define are the operator's or the user's own and are never refused.
"""
