def test_extensions_are_listed_and_shown(api):
    listed = api.get("/extensions").json["extensions"]
    aliases = [each["alias"] for each in listed]
    assert aliases == sorted(set(aliases))
    assert {"os-keypairs", "os-server-password", "OS-EXT-STS"} <= set(aliases)
    fields = {"alias", "name", "description", "namespace", "updated", "links"}
    assert all(each.keys() == fields for each in listed)
    shown = api.get("/extensions/os-rescue").json["extension"]
    assert shown in listed
    assert shown["name"] == "Rescue"


def test_extensions_of_proxies_are_listed_while_they_are_served(api, override):
    def listed() -> set[str]:
        return {each["alias"] for each in api.get("/extensions").json["extensions"]}

    proxies = {"os-floating-ips", "os-hosts", "os-networks"}
    assert proxies <= listed()
    override("enable_proxies", False, "api")
    assert not proxies & listed()
    assert api.get("/extensions/os-hosts").status_int == 404


def test_an_extension_that_is_not_served_is_404(api):
    for alias in ("os-cells", "os-nothing"):
        assert api.get(f"/extensions/{alias}").status_int == 404
