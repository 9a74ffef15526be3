import sys
from local import environment
if sys.argv[1]=="lock": environment.lock(upgrade=False)
else: print(environment.ensure(sys.argv[1]))
