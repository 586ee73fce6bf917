"""Is it alive, and on what."""

from __future__ import annotations

from fastapi import APIRouter

from shatterscope.backend.api.dependencies import LaboratoryDep
from shatterscope.wire.base import Health

router = APIRouter(tags=["server"])


@router.get("/health")
async def health(laboratory: LaboratoryDep) -> Health:
    """Status, version, device, and which checkpoints loaded."""
    return laboratory.health()
