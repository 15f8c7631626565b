"""Body of the action rescue."""

rescue = {
    "type": "object",
    "properties": {
        "rescue": {
            "type": ["object", "null"],
            "properties": {
                "adminPass": {"type": "string", "maxLength": 255},
                "rescue_image_ref": {"type": "string", "format": "uuid"},
            },
            "additionalProperties": False,
        }
    },
    "required": ["rescue"],
    "additionalProperties": False,
}
