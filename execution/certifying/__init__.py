"""`countersign certify`: whether an exchange does, in its sandbox, what this desk relies on.

`plan.py` says how little is sent, `placed.py` sends it and ends it again, `bench.py` waits for what shows late,
`steps.py` and `contract_steps.py` have the steps, `run.py` their order. It knows the `Venue` protocol only, as the
executor does.
"""
