"""scripts/check-includes against small trees: each breach is found, and what is allowed passes."""

import os
import subprocess
import sys
import tempfile
import unittest

CHECK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../scripts/check-includes")
ABI = {"abi/include/fd2/abi.h": "#include <stdint.h>\n", "host/base/result.hpp": ""}


def check(files):
    with tempfile.TemporaryDirectory() as root:
        for path, text in {**ABI, **files}.items():
            full = os.path.join(root, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "w", encoding="utf-8") as file:
                file.write(text)
        done = subprocess.run([sys.executable, CHECK, root], stdout=subprocess.PIPE, text=True,
                              check=False)
        return done.returncode, done.stdout


class CheckIncludes(unittest.TestCase):
    def test_what_the_table_allows_passes(self):
        code, said = check({
            "host/capture/tail.cpp": '#include "capture/tail.hpp"\n#include "base/result.hpp"\n',
            "host/capture/tail.hpp": "#include <vector>\n",
            "host/channel/loader.cpp": '#include <boost/dll.hpp>\n#include "fd2/abi.h"\n',
            "plugins/pipe/pipe.cpp": '#include "fd2/abi.h"\n',
            "host/base/include/fd2/errc.hpp": "#include <cstdint>\n",
            "host/forward/forwarder.cpp": "#include <fd2/errc.hpp>\n",
        })
        self.assertEqual(code, 0, said)

    def test_each_breach_is_found_with_file_and_line(self):
        for path, line in (
                ("host/capture/tail.cpp", '#include "forward/forwarder.hpp"'),
                ("host/base/result.cpp", '#include "capture/tail.hpp"'),
                ("host/process/spawn.cpp", '#include "fd2/abi.h"'),
                ("host/channel/channel.cpp", "#include <yaml-cpp/yaml.h>"),
                ("host/run/open.cpp", "#  include <boost/dll/shared_library.hpp>"),
                ("host/cli/main.cpp", "#include <boost/log/trivial.hpp>"),
                ("host/forward/forwarder.cpp", '#include "../base/result.hpp"'),
                ("plugins/pipe/pipe.cpp", '#include "base/result.hpp"'),
                ("plugins/pipe/pipe.cpp", '#include "plugins/other/other.hpp"'),
                ("abi/include/fd2/abi.h", "#include <stdbool.h>"),
                ("host/forward/forwarder.cpp", "#include <fd2/host.hpp>"),
                ("host/newroom/file.cpp", "")):
            with self.subTest(path=path, line=line):
                code, said = check({path: "\n" + line + "\n"})
                self.assertEqual(code, 1, said)
                self.assertIn(f"{path}:{2 if line else 1}: ", said)


if __name__ == "__main__":
    unittest.main()
