from nova_mini.virt.libvirt.driver import LibvirtDriver

__all__ = ["LibvirtDriver"]
