"""One test for many cases."""

import functools


def of_every(cases):
    """Makes a test of one case a test of all: `cases()` gives a name and what the test takes, and a failure tells the name."""

    def of_test(test):
        @functools.wraps(test)
        def run(self):
            seen = 0
            for name, *given in cases():
                seen += 1
                with self.subTest(name):
                    test(self, *given)
            self.assertGreater(seen, 0, "there is no case, so nothing was looked at")

        return run

    return of_test
