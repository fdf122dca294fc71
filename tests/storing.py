"""Stores single values as a run of its own would, and reads whole profiles."""

from greenstream.domain.profile import HOURS_A_DAY, HourProfile
from greenstream.domain.reading import Forecast, Reading
from greenstream.ports.store import ProviderStatus, Put, PutOutcome, Store


def put_reading(store: Store, reading: Reading) -> Put:
    """Store a reading, publish it, and return the outcome."""
    [put] = put_readings(store, reading)
    return put


def put_readings(store: Store, *readings: Reading) -> tuple[Put, ...]:
    """Store readings of one provider in one run, publish them, and return the outcomes."""
    recording = store.recording(readings[0].provider)
    puts = recording.put_readings(readings)
    recording.publish()
    return puts


def put_profile(store: Store, profile: HourProfile) -> None:
    """Store the hours that a profile has."""
    recording = store.recording(profile.provider)
    recording.put_profile(profile)
    recording.publish()


def put_forecast(store: Store, forecast: Forecast) -> PutOutcome:
    """Store a forecast, and return the outcome."""
    recording = store.recording(forecast.provider)
    outcome = recording.put_forecast(forecast)
    recording.publish()
    return outcome


def put_status(store: Store, status: ProviderStatus) -> None:
    """Record a run that has brought nothing."""
    store.recording(status.provider).publish(status)


def profiles_of(store: Store) -> tuple[HourProfile, ...]:
    """Return the profiles of all sources with all their hours."""
    return tuple(store.profiles(range(HOURS_A_DAY)))
