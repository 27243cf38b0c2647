"""The API below ``/api/v1``: what the page shows, for programs."""
