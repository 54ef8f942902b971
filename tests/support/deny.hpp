// Takes a system call away: what the conformance checks use.
#pragma once

#include "../../host/conformance/deny.hpp"
