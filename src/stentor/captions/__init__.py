"""From word timings to captions that can be read along, as WebVTT and SubRip."""
