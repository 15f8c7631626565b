"""``nova-mini-manage doctor``: find and fix what is stuck, leaked or inconsistent in the cloud.

``audit`` checks the database (``database``), every running compute (``hypervisors``), and Neutron,
Cinder and Glance (``external_services``). Each returns findings (``finding``), which ``report``
prints. The periodic tasks of the cloud repair most findings by themselves, later. An audit changes
nothing.
"""
