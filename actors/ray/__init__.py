"""Everything Croupier asks of Ray. No other package imports Ray.

`starting` is the face: `croupier up` starts or joins Ray and starts the supervisor with it. The other modules are
the two actors and the supervisor's `Cluster`. Ray places and starts processes; it is never on the path of a spin.
"""
