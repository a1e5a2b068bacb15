"""From `provider/model` and a voice to something that can speak."""
