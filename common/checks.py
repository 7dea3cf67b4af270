"""Checks of single values; errors name the key as it is typed on the command line."""


class ConfigError(ValueError):
    """A value of the right type that cannot be used."""


def at_least(key: str, value: float, low: float) -> None:
    if not value >= low:
        raise ConfigError(f"{key}={value}: must be at least {low}")


def positive(key: str, value: float) -> None:
    if not value > 0:
        raise ConfigError(f"{key}={value}: must be greater than 0")


def fraction(key: str, value: float) -> None:
    if not 0 < value < 1:
        raise ConfigError(f"{key}={value}: must be between 0 and 1")


def one_of(key: str, value: str, options: tuple[str, ...]) -> None:
    if value not in options:
        raise ConfigError(f"{key}={value}: not one of {', '.join(options)}")
