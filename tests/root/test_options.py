"""The connector's pipeline options, on Beam's command line."""

import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from beam_dis.connection import DISConnection
from beam_dis.options import DISOptions


def test_the_command_line_sets_endpoint_and_project():
    options = PipelineOptions(["--dis_endpoint=http://127.0.0.1:7700", "--dis_project_id", "p", "--streaming"])
    resolved = DISConnection().resolved(options.view_as(DISOptions), {})
    assert (resolved.endpoint, resolved.project_id) == ("http://127.0.0.1:7700", "p")


def test_a_region_is_enough_for_the_endpoint():
    options = PipelineOptions(["--dis_region=eu-de", "--dis_project_id=p"]).view_as(DISOptions)
    assert DISConnection().resolved(options, {}).endpoint == "https://dis.eu-de.otc.t-systems.com"


def test_options_that_are_not_given_have_no_effect():
    options = PipelineOptions([]).view_as(DISOptions)
    assert (options.dis_endpoint, options.dis_region, options.dis_project_id) == (None, None, None)


@pytest.mark.parametrize("secret", ["ak", "sk", "token", "secret", "credentials"])
def test_no_option_takes_a_secret(secret):
    """Runners print and store options."""
    assert [
        name
        for name in PipelineOptions([]).view_as(DISOptions).get_all_options()
        if name.startswith("dis_") and secret in name
    ] == []
