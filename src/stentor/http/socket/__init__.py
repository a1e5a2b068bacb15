"""`/v1/audio/speech/stream`: text arrives piece by piece, audio leaves sentence by sentence."""
