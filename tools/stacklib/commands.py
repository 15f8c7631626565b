"""What each command of `tools/stack` does."""

import fcntl
import os
import shutil
import sys
from argparse import Namespace
from contextlib import contextmanager

from stacklib import choices, dag, demo, environment, files
from stacklib import status as statuses
from stacklib.components import ALL
from stacklib.display import Display
from stacklib.errors import StackError
from stacklib.stack import Choices, Stack


def up(stack: Stack, wanted: Choices) -> int:
    """Bring the wanted components up; return 1 when one of them failed."""
    with _alone(stack):
        stack.choices = choices.remember(stack.directory / "choices.json", wanted)
        components = [ALL[name] for name in ALL if name in wanted.components]
        with Display([component.name for component in components]) as display:
            failed = dag.run(
                components,
                lambda component, say: component.up(stack, say),
                display,
                stack.log("stack"),
            )
        verdict = f"failed: {', '.join(failed)}" if failed else "up"
        print(f"stack: {verdict} after {display.elapsed:.1f} s", file=sys.stderr)
    return 1 if failed else 0


def status(stack: Stack, arguments: Namespace) -> int:
    """Print the health of everything; return 1 when something is not well."""
    reports = statuses.collect(stack)
    print(statuses.as_json(reports) if arguments.json else statuses.as_table(reports))
    well = reports and all(report.health == "healthy" for report in reports)
    return 0 if well else 1


def logs(stack: Stack, arguments: Namespace) -> int:
    """Print the end of the logs; with --follow, go on as they grow."""
    found = sorted(stack.logs.glob("*.log"))
    if arguments.component:
        found = [log for log in found if any(word in log.stem for word in arguments.component)]
    if not found:
        raise StackError(f"no log in {stack.logs} matches {' '.join(arguments.component)}")
    follow = ["--follow=name", "--retry"] if arguments.follow else []
    os.execvp("tail", ["tail", f"--lines={arguments.lines}", *follow, *map(str, found)])


def execute(stack: Stack, arguments: Namespace) -> int:
    """Replace this process by a command inside the node."""
    argv = arguments.argv[1:] if arguments.argv[:1] == ["--"] else arguments.argv
    if not argv:
        raise StackError("say what to run: tools/stack exec COMMAND …")
    terminal = {name: os.environ[name] for name in ("TERM", "COLUMNS") if name in os.environ}
    here = ["sh", "-c", 'cd "$1" 2>/dev/null || cd /; shift; exec "$@"', "sh", os.getcwd()]
    command = stack.node.command([*here, *argv])
    os.execvpe(
        command[0], command, stack.node.environment(terminal | environment.variables(stack))
    )


def openstack(stack: Stack, arguments: Namespace) -> int:
    """Replace this process by the openstack client inside the node."""
    return execute(stack, Namespace(argv=["openstack", *arguments.argv]))


def shell(stack: Stack, _: Namespace) -> int:
    """Replace this process by a shell inside the node."""
    return execute(stack, Namespace(argv=["bash", "--norc", "-i"]))


def demonstrate(stack: Stack, _: Namespace) -> int:
    """Bring the cloud up and show the life of one guest; StackError when it does not come true."""
    chosen = stack.choices
    if "nova-mini" not in chosen.components:
        chosen = choices.choose(("full",), (), virt_driver="libvirt", computes=1)
    if up(stack, chosen):
        return 1
    demo.Demo(stack).run()
    return 0


def down(stack: Stack, _: Namespace) -> int:
    """Stop the components, users of a service before the service, then the node."""
    with _alone(stack):
        _down(stack)
    print("stack: down", file=sys.stderr)
    return 0


def clean(stack: Stack, arguments: Namespace) -> int:
    """Leave the machine as it was before the first `up`, Debian's packages aside."""
    if not stack.directory.exists():
        print("stack: nothing to clean", file=sys.stderr)
        return 0
    with _alone(stack):
        _down(stack)
        stack.node.remove()
        kept = {"venvs"} if arguments.keep_venvs else set()
        for path in stack.directory.iterdir():
            if path.name not in kept:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        if not kept:
            stack.directory.rmdir()
    print("stack: clean", file=sys.stderr)
    return 0


def _down(stack: Stack) -> None:
    """Stop what runs; the node's end takes along what does not stop."""
    if stack.node.pid:
        names = {*stack.choices.components, *stack.choices.left_behind}
        chosen = [component for name, component in ALL.items() if name in names]
        components = [each for each in chosen if each.name == "node" or each.units(stack)]
        with Display([component.name for component in components]) as display:
            dag.run(
                components,
                lambda component, say: (say("stop"), component.stop(stack)),
                display,
                stack.log("stack"),
                backwards=True,
            )
    stack.node.down()


@contextmanager
def _alone(stack: Stack):
    """Let one command at a time change the stack."""
    files.directory(stack.directory, 0o755)
    with (stack.directory / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("stack: waiting for another stack command", file=sys.stderr)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
