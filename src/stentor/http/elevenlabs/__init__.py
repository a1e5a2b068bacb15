"""The API of ElevenLabs under `/elevenlabs`, so that its clients need only another base URL."""
