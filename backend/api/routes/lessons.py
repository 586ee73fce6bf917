"""Lessons: guided stories, each step a text and a view of the Explore page."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Response

from shatterscope.backend.api.dependencies import LaboratoryDep
from shatterscope.backend.api.problems import ProblemError
from shatterscope.backend.files import UnreadableFile
from shatterscope.backend.lessons import LessonError, Shelf
from shatterscope.backend.settings import LESSONS, Settings
from shatterscope.wire.lessons import Lesson, LessonInfo, LessonList

router = APIRouter(tags=["lessons"])


def _shelf(settings: Settings) -> Shelf:
    return Shelf(LESSONS, settings.lesson_dirs)


@router.get("/lessons")
async def list_lessons(laboratory: LaboratoryDep) -> LessonList:
    """Every lesson that can be used, those that ship first, and what is wrong with the others."""
    lessons, problems = await asyncio.to_thread(_shelf(laboratory.settings).all)
    infos = [LessonInfo(**lesson.model_dump(exclude={"steps"})) for lesson in lessons]
    return LessonList(lessons=infos, problems=problems)


@router.get("/lessons/{id}")
async def get_lesson(
    laboratory: LaboratoryDep, id: Annotated[str, Path(description="id of a lesson, as listed by GET /lessons")]
) -> Lesson:
    """A lesson with its steps. A 409 where its files cannot be used; the detail names file and line."""
    try:
        return await asyncio.to_thread(_shelf(laboratory.settings).get, id)
    except KeyError:
        raise ProblemError(404, f"there is no lesson {id[:80]!r}; GET /lessons lists those that are here") from None
    except LessonError as error:
        raise ProblemError(409, f"the lesson cannot be used: {error}") from None


@router.get("/lessons/{id}/pictures/{name}", response_class=Response, include_in_schema=False)  # a part of the page
async def get_picture(
    laboratory: LaboratoryDep,
    id: Annotated[str, Path(description="id of a lesson, as listed by GET /lessons")],
    name: Annotated[str, Path(description="file beside the lesson's text, such as ring.png")],
) -> Response:
    """A picture that a lesson's text shows."""
    try:
        content, media_type = await asyncio.to_thread(_shelf(laboratory.settings).picture, id, name)
    except (KeyError, FileNotFoundError):
        raise ProblemError(404, f"lesson {id[:80]!r} has no picture {name[:80]!r}") from None
    except UnreadableFile as error:
        raise ProblemError(409, f"the picture {name[:80]!r} {error}") from None
    return Response(content, media_type=media_type, headers={"Cache-Control": "no-cache"})
