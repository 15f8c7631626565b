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


def test_an_extension_that_is_not_served_is_404(api):
    for alias in ("os-cells", "os-nothing"):
        assert api.get(f"/extensions/{alias}").status_int == 404
