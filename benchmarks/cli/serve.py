"""`python -m benchmarks serve`: the router and the experts of a run behind a server."""

import os
from typing import TYPE_CHECKING

import click

from benchmarks.cli.ask import quiet
from benchmarks.cli.configured import Configured

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from benchmarks.settings import Serve


@click.command(
    "serve", cls=Configured, config="serve", example="run=outputs/run/A", named=("routers", "locate")
)
def command() -> int:
    """Serve the router and the experts that a run kept."""
    from benchmarks.config import hydra_application

    statuses: list[int] = []

    def task(config: "DictConfig") -> None:
        from benchmarks.config import checked

        settings: Serve = checked(config)
        from common.extras import need

        need("serve", "serve")
        # The processes share the cores.
        quiet(max(1, settings.threads // settings.workers))
        # Threads that wait in a loop would keep the event loop, and other processes, from the cores.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        statuses.append(_serve(settings))

    hydra_application("serve", task)
    # None where Hydra only shows something, such as --cfg job.
    return statuses[0] if statuses else 0


def _serve(settings: "Serve") -> int:
    from benchmarks.server.keys import Keys, check_host
    from benchmarks.server.loaded import served_folders
    from benchmarks.server.logs import Log
    from benchmarks.server.process import Job, serve
    from benchmarks.server.supervisor import Supervisor, bind

    check_host(settings.host, Keys.read(settings.keys, os.environ))
    folders = {name: str(folder.absolute()) for name, folder in served_folders(settings).items()}
    with bind(settings.host, settings.port) as bound:
        job = Job(settings, folders)
        if settings.workers == 1:
            return serve(job, bound, os.environ)
        return Supervisor(job, bound, Log(settings.log.file)).run()
