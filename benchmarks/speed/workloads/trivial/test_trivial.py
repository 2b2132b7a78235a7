def test_trivial():
    assert 1 + 1 == 2
