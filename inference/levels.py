"""Which levels of a service's parts are among its metrics; they are asked for when somebody looks."""

from __future__ import annotations

from inference.assets import AssetStore
from inference.dispatch import Dispatcher
from inference.engines.lanes import LANES
from inference.jobs.desk import JobDesk
from inference.metrics import Metrics
from inference.reuse import Reuse


def watch(
    metrics: Metrics, *, dispatcher: Dispatcher, assets: AssetStore, reuse: Reuse, jobs: JobDesk
) -> None:
    metrics.watch_queue(lambda: {lane: dispatcher.waiting(lane) for lane in LANES})
    metrics.watch("cabine_assets", "Uploaded pictures held.", lambda: assets.usage().count)
    metrics.watch("cabine_asset_photo_bytes", "Memory of uploaded pictures.", lambda: assets.usage().photos)
    metrics.watch(
        "cabine_asset_prepared_bytes", "Memory of what was prepared.", lambda: assets.usage().prepared
    )
    metrics.watch_lookups(lambda: assets.lookups)
    metrics.watch("cabine_reuse_pictures", "Pictures kept of requests.", lambda: reuse.usage().count)
    metrics.watch("cabine_reuse_photo_bytes", "Memory of those pictures.", lambda: reuse.usage().photos)
    metrics.watch(
        "cabine_reuse_prepared_bytes", "Memory of what was prepared.", lambda: reuse.usage().prepared
    )
    metrics.watch_reuse(lambda: reuse.lookups)
    metrics.watch_jobs(jobs.states)
    metrics.watch("cabine_job_watchers", "Clients that follow jobs.", lambda: jobs.watchers.taken)
