"""Cuts our secrets out of text that upstreams wrote, before it is logged or stored."""


def without_secrets(text: str, *secrets: str | None) -> str:
    """Return what an upstream said with our secrets cut out: some repeat what they were sent.

    Before the text is shortened: the first half of a secret is one too.
    """
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "[secret]")
    return text
