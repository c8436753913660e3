"""Warren in a FastAPI application: `messaging = WarrenAPI(app)`, a lifespan, a dependency, health, offloaded work.

Not here: the parts, one concept a file.
"""

from warren.integrations.fastapi.api import WarrenAPI
from warren.integrations.fastapi.bodies import WorkBody, WorkError
from warren.integrations.fastapi.work import AcceptOptions

__all__ = ["AcceptOptions", "WarrenAPI", "WorkBody", "WorkError"]
