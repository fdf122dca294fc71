"""Simulators of the providers' APIs: real formats, invented values, and faults on request.

The values are not measurements, and no simulator opens a connection. There is one module for each
provider. It builds answers as pure functions of the request and the time, and :mod:`.server`
serves them. To add a provider, write its module and add a line to :mod:`.providers`.
"""
