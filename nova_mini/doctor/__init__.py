"""What is stuck, leaked or inconsistent in the cloud now, and how it is put right.

For ``nova-mini-manage doctor``. It asks the database (``database``), every compute that lives
(``hypervisors``), Neutron and Cinder (``neighbours``); each gives findings (``finding``), which
``report`` prints. It finds what the cloud mends by itself on its rounds, before or without them,
and what it only can tell of. To look changes nothing.
"""
