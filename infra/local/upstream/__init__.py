"""The providers' APIs on this machine: true wire formats, invented values, faults on request.

Nothing here is a measurement and nothing leaves the machine. One module per provider builds
answers as pure functions of the request and the time; :mod:`.server` carries them; a provider
joins by its module and one line in :mod:`.providers`.
"""
