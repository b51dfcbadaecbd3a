"""What is asked over HTTP when a notice is to be sent: `contacts` of the platform, `standing` of the engine."""
