"""The tests that run beside each plugin: some for all, some that use what the plugin is for."""

from __future__ import annotations

__all__ = ["FILES", "FOR_ALL"]

FOR_ALL = """
import pytest

@pytest.fixture(scope="module")
def shop():
    return ["kettle"]

@pytest.mark.parametrize("number", range(4))
def test_asks(llm, number):
    assert llm(f"item {number}") == f"echo item {number}"
    assert number != 3, "wrong"

def test_asks_twice(llm, record_property, shop):
    record_property("shop", shop[0])
    print("asks twice")
    assert llm("then " + llm("first")).startswith("echo then echo")

def test_plain():
    pass

def test_skips(llm):
    llm("skip")
    pytest.skip("later")

@pytest.mark.xfail(reason="known")
def test_known(llm):
    assert llm("known") == "other"

class TestClass:
    @pytest.fixture(scope="class")
    def shelf(self):
        return []

    def test_one(self, llm, shelf):
        assert llm("one of class")

    def test_last(self, shelf, shop):
        assert shop
"""

FILES = {
    "allure-pytest": {
        "test_own.py": """
import allure, pytest

@allure.title("a title")
@pytest.mark.parametrize("number", range(2))
def test_steps(llm, number):
    with allure.step("ask"):
        reply = llm(f"allure {number}")
    allure.attach(reply, name="reply")
    assert reply
"""
    },
    "pytest-json-report": {
        "test_own.py": """
def test_metadata(llm, json_metadata):
    json_metadata["reply"] = llm("json")
"""
    },
    "pytest-html": {
        "test_own.py": """
import pytest_html

def test_extra(llm, extras):
    extras.append(pytest_html.extras.text(llm("html")))
"""
    },
    "pytest-forked": {
        "test_own.py": """
import os

def test_ends_its_process(llm):
    llm("end")
    os._exit(3)
"""
    },
    "pytest-dependency": {
        "test_own.py": """
import pytest

@pytest.mark.dependency()
def test_base(llm):
    assert llm("base")

@pytest.mark.dependency()
def test_broken(llm):
    assert llm("broken") == "whole"

@pytest.mark.dependency(depends=["test_base"])
def test_upon_base(llm):
    assert llm("upon base")

@pytest.mark.dependency(depends=["test_broken"])
def test_upon_broken():
    pass
"""
    },
    "pytest-depends": {
        "test_own.py": """
import pytest

def test_base(llm):
    assert llm("base")

def test_broken(llm):
    assert llm("broken") == "whole"

@pytest.mark.depends(on=["test_base"])
def test_upon_base(llm):
    assert llm("upon base")

@pytest.mark.depends(on=["test_broken"])
def test_upon_broken():
    pass
"""
    },
    "pytest-order": {
        "test_own.py": """
import pytest

DONE = []

@pytest.mark.order(2)
def test_second():
    assert DONE == ["first"]

@pytest.mark.order(1)
def test_first(llm):
    assert llm("first of order")
    DONE.append("first")

@pytest.mark.order(after="test_own.py::test_target")
def test_after():
    assert DONE == ["first", "target"]

def test_target(llm):
    assert llm("target")
    DONE.append("target")
"""
    },
    "pytest-bdd": {
        "shop.feature": """
Feature: Shop
  Scenario: One kettle
    Given a question about kettles
    When it is asked
    Then the reply names kettles

  Scenario: Two kettles
    Given a question about kettles
    When it is asked
    When it is asked
    Then the reply names kettles
""",
        "test_own.py": """
import pytest
from pytest_bdd import given, scenarios, then, when

pytestmark = pytest.mark.usefixtures("llm")
scenarios("shop.feature")

@given("a question about kettles", target_fixture="question")
def question():
    return "kettles?"

@when("it is asked", target_fixture="reply")
def asked(llm, question):
    return llm(question)

@then("the reply names kettles")
def names(reply):
    assert "kettles" in reply
""",
    },
    "pytest-check": {
        "test_own.py": """
from pytest_check import check

def test_soft(llm):
    check.equal(1, 2)
    reply = llm("soft")
    check.is_in("soft", reply)
    check.equal(reply, "other")

def test_soft_pass(llm):
    check.is_in("fine", llm("fine"))
"""
    },
    "pytest-subtests": {
        "test_own.py": """
def test_parts(llm, subtests):
    for number in range(3):
        with subtests.test(number=number):
            assert llm(f"part {number}") and number != 1
"""
    },
    "hypothesis": {
        "test_own.py": """
from hypothesis import HealthCheck, given, settings, strategies as st

@settings(max_examples=5, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2))
def test_any(llm, number):
    assert llm(f"number {number}") == f"echo number {number}"
"""
    },
    "flaky": {
        "test_own.py": """
from flaky import flaky

@flaky(max_runs=3, min_passes=2)
def test_flaky(llm):
    assert llm("flaky")
"""
    },
    "pytest-rerunfailures": {
        "test_own.py": """
import pytest

@pytest.mark.flaky(reruns=2)
def test_flaky(llm):
    assert llm("flaky") == "other"
"""
    },
    "pytest-retry": {
        "test_own.py": """
import pytest

@pytest.mark.flaky(retries=2)
def test_flaky(llm):
    assert llm("flaky") == "other"
"""
    },
    "pytest-asyncio": {
        "test_own.py": """
import asyncio, pytest

@pytest.mark.asyncio
async def test_async(llm):
    assert len(await asyncio.gather(llm.acall("a"), llm.acall("b"))) == 2
"""
    },
    "anyio": {
        "test_own.py": """
import pytest

@pytest.mark.anyio
async def test_async(llm):
    assert await llm.acall("a")
"""
    },
    "pytest-trio": {
        "test_own.py": """
import pytest

@pytest.mark.trio
async def test_async(llm):
    assert await llm.acall("a")
"""
    },
    "pytest-steps": {
        "test_own.py": """
from pytest_steps import test_steps

@test_steps("ask", "judge")
def test_suite(llm):
    reply = llm("steps")
    yield
    assert "steps" in reply
    yield
"""
    },
    "pytest-benchmark": {
        "test_own.py": """
def test_speed(llm, benchmark):
    benchmark.pedantic(len, args=("text",), rounds=2)
    assert llm("measured")
"""
    },
    "pytest-mock": {
        "test_own.py": """
import os

def test_mocked(llm, mocker):
    getcwd = mocker.patch("os.getcwd", return_value="here")
    assert os.getcwd() == "here" and llm("mocked")
    getcwd.assert_called_once()
"""
    },
    "pytest-django": {
        "shop_settings.py": """
SECRET_KEY = "none"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
USE_TZ = True
""",
        "test_own.py": """
import pytest
from django.contrib.auth.models import User
from django.test import TestCase

@pytest.mark.django_db
@pytest.mark.parametrize("number", range(2))
def test_row(llm, number):
    User.objects.create(username="one")
    assert llm(f"row {number}")
    assert User.objects.count() == 1

class TestShop(TestCase):
    @pytest.fixture(autouse=True)
    def asks(self, llm):
        self.llm = llm

    def test_it(self):
        assert self.llm("django")
""",
    },
    "pytest-run-parallel": {
        "test_own.py": """
def test_threads(llm):
    assert llm("threads")
"""
    },
}
