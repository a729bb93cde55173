// workload_containers.cpp - maps, vectors and strings of the C++ library:
// bench-containers ROUNDS
#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

namespace {

std::uint64_t state = 88172645463325252u;

std::uint64_t next() {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

std::size_t round_of_work() {
    std::map<std::uint64_t, std::string> ordered;
    std::unordered_map<std::string, std::vector<int>> hashed;
    for (int i = 0; i < 20000; i++) {
        std::string key = "key-" + std::to_string(next() % 5000) + "-with-a-tail-that-is-long";
        ordered[next() % 10000] = key;
        hashed[key].push_back(i);
    }
    return ordered.size() + hashed.size();
}

} // namespace

int main(int argc, char **argv) {
    int rounds = argc > 1 ? std::atoi(argv[1]) : 20;
    std::size_t total = 0;
    for (int i = 0; i < rounds; i++) {
        total += round_of_work();
    }
    return total > 0 ? 0 : 1;
}
