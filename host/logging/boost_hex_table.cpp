// A table of Boost.Log's own, in its place.
//
// The only member of libboost_log.a that has it is the hex dumper. Nobody calls that here, but when
// the program starts it asks the processor what it can do; a virtual machine answers through its
// host, and `fd2 run` waits 30 us for it. With the table here the dumper is not linked. If another
// version of Boost has another name for it, this one is of no use, and does no harm.

#include <boost/log/detail/config.hpp>

namespace boost {
BOOST_LOG_OPEN_NAMESPACE
namespace aux {

extern const char g_hex_char_table[2][16];
const char g_hex_char_table[2][16] = {
    {'0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'},
    {'0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'}};

}  // namespace aux
BOOST_LOG_CLOSE_NAMESPACE
}  // namespace boost
