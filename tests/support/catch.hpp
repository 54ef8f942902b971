// Catch2, version 2 or 3: Debian 12 ships the first, later systems the second.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif
