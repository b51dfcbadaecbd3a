"""What leaves the engine, and how the world outside reaches it: archive, bus, webhooks, notices.

Readers run behind the journal, never on the path of a spin.
"""
