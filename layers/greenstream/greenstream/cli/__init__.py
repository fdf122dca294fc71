"""The console command ``greenstream``; the Lambda layer is built without it."""
