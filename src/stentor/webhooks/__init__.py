"""Calls to configured endpoints when jobs have ended, by the Standard Webhooks specification."""
