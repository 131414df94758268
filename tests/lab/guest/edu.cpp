// SPDX-License-Identifier: Apache-2.0
// A driver in user space for QEMU's "edu" device (docs/specs/edu of QEMU 7.2), beside uio_pci_generic, which takes its
// interrupt. What its DMA needs are guest-physical addresses.
//
//   lab_edu ADDRESS UIO COUNT [OUTSIDE [CPUS]]
//
// tries registers, DMA both ways, COUNT interrupts, DMA to and from OUTSIDE, an address that is not the guest's RAM,
// and on a PC COUNT messages (MSI) to each of its CPUs. Without OUTSIDE it has the interrupts only.
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <span>
#include <sstream>
#include <string>

namespace {

constexpr std::size_t kPage = 4096;
// The device's own memory, as its DMA engine addresses it, is a page; a transfer that reaches its end is refused.
constexpr std::uint64_t kBuffer = 0x40000;
constexpr std::size_t kTransfer = kPage - 8;
constexpr int kPatience = 20'000;  // ms

enum Reg : std::size_t {
    Identification = 0x00,
    Liveness = 0x04,
    Factorial = 0x08,
    Status = 0x20,
    InterruptStatus = 0x24,
    RaiseInterrupt = 0x60,
    AcknowledgeInterrupt = 0x64,
    DmaSource = 0x80,
    DmaDestination = 0x88,
    DmaCount = 0x90,
    DmaCommand = 0x98,
};
constexpr std::uint64_t kStart = 1, kFromDevice = 2;

[[noreturn]] void fail(const char* what) {
    std::printf("EDU-FAIL %s: %s\n", what, std::strerror(errno));
    std::exit(1);
}
void demand(bool holds, const char* what) {
    if (!holds) fail(what);
}

class Edu {
public:
    Edu(const std::string& address, const std::string& uio) {
        const std::string directory = "/sys/bus/pci/devices/" + address;
        config_ = ::open((directory + "/config").c_str(), O_RDWR);
        demand(config_ >= 0, "configuration space");
        std::ifstream{"/sys/class/uio/" + uio + "/event"} >> before_;
        interrupts_ = ::open(("/dev/" + uio).c_str(), O_RDWR);
        demand(interrupts_ >= 0, "uio");
        set_command(kMemoryAndMaster);
        const int resource = ::open((directory + "/resource0").c_str(), O_RDWR | O_SYNC);
        void* const found = ::mmap(nullptr, kRegisters, PROT_READ | PROT_WRITE, MAP_SHARED, resource, 0);
        demand(found != MAP_FAILED, "map BAR 0");
        bar_ = static_cast<std::byte*>(found);
    }

    [[nodiscard]] std::uint32_t get(std::size_t reg) const {
        return *reinterpret_cast<volatile std::uint32_t*>(at(reg));
    }
    void set(std::size_t reg, std::uint32_t value) const {
        *reinterpret_cast<volatile std::uint32_t*>(at(reg)) = value;
    }
    void set64(std::size_t reg, std::uint64_t value) const {
        *reinterpret_cast<volatile std::uint64_t*>(at(reg)) = value;
    }
    void wait_while(std::size_t reg, std::uint32_t bit) const {
        for (int i = 0; i < kPatience && (get(reg) & bit) != 0; ++i) ::usleep(1000);
        demand((get(reg) & bit) == 0, "the device is busy for good");
    }
    void copy(std::uint64_t from, std::uint64_t to, std::uint64_t count, std::uint64_t command) const {
        set64(DmaSource, from);
        set64(DmaDestination, to);
        set64(DmaCount, count);
        set64(DmaCommand, command | kStart);
        wait_while(DmaCommand, kStart);
    }
    /// uio_pci_generic has set Interrupt Disable when an interrupt came.
    void unmask() const { set_command(kMemoryAndMaster); }
    /// Sends messages of that address and data from now on (PCI Local Bus 3.0, 6.8.1; the capability is one of 64
    /// bits).
    void send_messages(std::uint32_t address, std::uint16_t data) const {
        constexpr std::uint16_t kEnable = 1;
        const auto capability = message_capability();
        set_config<std::uint16_t>(capability + 2, 0);
        set_config<std::uint32_t>(capability + 4, address);
        set_config<std::uint32_t>(capability + 8, 0);
        set_config<std::uint16_t>(capability + 12, data);
        set_config<std::uint16_t>(capability + 2, kEnable);
    }
    /// As the driver has counted them before this program.
    [[nodiscard]] std::uint32_t interrupts_before() const { return before_; }
    /// How many interrupts have come so far.
    [[nodiscard]] std::uint32_t wait_for_interrupt() const {
        pollfd wait{interrupts_, POLLIN, 0};
        std::uint32_t times = 0;
        demand(::poll(&wait, 1, kPatience) == 1, "no interrupt");
        demand(::read(interrupts_, &times, sizeof times) == sizeof times, "uio");
        return times;
    }

    /// The same without a pause.
    [[nodiscard]] std::uint32_t spin_for_interrupt() const {
        std::uint32_t times = 0;
        ::fcntl(interrupts_, F_SETFL, O_NONBLOCK);
        const time_t end = ::time(nullptr) + kPatience / 1000;
        while (::read(interrupts_, &times, sizeof times) != sizeof times)
            demand(errno == EAGAIN && ::time(nullptr) <= end, "no interrupt");
        return times;
    }

private:
    static constexpr std::size_t kRegisters = 1U << 20;
    static constexpr std::uint16_t kMemoryAndMaster = 6;

    [[nodiscard]] std::byte* at(std::size_t reg) const { return bar_ + reg; }
    void set_command(std::uint16_t value) const { set_config(4, value); }
    template <typename Value>
    void set_config(off_t where, Value value) const {
        demand(::pwrite(config_, &value, sizeof value, where) == sizeof value, "configuration space");
    }
    [[nodiscard]] std::uint8_t config(off_t where) const {
        std::uint8_t value = 0;
        demand(::pread(config_, &value, sizeof value, where) == sizeof value, "configuration space");
        return value;
    }
    [[nodiscard]] off_t message_capability() const {
        constexpr std::uint8_t kMsi = 5;
        off_t at = config(0x34);
        for (int i = 0; i < 48 && at != 0 && config(at) != kMsi; ++i) at = config(at + 1);
        demand(at != 0 && config(at) == kMsi, "no MSI");
        return at;
    }

    int config_ = -1;
    int interrupts_ = -1;
    std::uint32_t before_ = 0;
    std::byte* bar_ = nullptr;
};

/// A page that stays, and its guest-physical address.
struct Page {
    Page() {
        void* const found = ::mmap(nullptr, kPage, PROT_READ | PROT_WRITE,
                                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE, -1, 0);
        demand(found != MAP_FAILED, "page");
        bytes = {static_cast<std::byte*>(found), kPage};
        bytes[0] = std::byte{1};
        std::uint64_t entry = 0;
        const int pagemap = ::open("/proc/self/pagemap", O_RDONLY);
        const auto place = static_cast<off_t>(reinterpret_cast<std::uintptr_t>(found) / kPage * sizeof entry);
        demand(::pread(pagemap, &entry, sizeof entry, place) == sizeof entry, "pagemap");
        ::close(pagemap);
        address = (entry & ((1ULL << 55) - 1)) * kPage;
        demand(address != 0, "pagemap tells no addresses");
    }
    std::span<std::byte> bytes;
    std::uint64_t address = 0;
};

void check_registers(const Edu& edu) {
    demand((edu.get(Identification) & 0xff) == 0xed, "identification");
    edu.set(Liveness, 0x12345678);
    demand(edu.get(Liveness) == ~std::uint32_t{0x12345678}, "liveness");
    edu.set(Factorial, 10);
    edu.wait_while(Status, 1);
    demand(edu.get(Factorial) == 3'628'800, "factorial");
    std::puts("EDU-REGISTERS");
}

void check_dma(const Edu& edu, unsigned rounds) {
    const Page from, to;
    for (unsigned round = 0; round < rounds; ++round) {
        for (std::byte& each : from.bytes) each = static_cast<std::byte>(std::rand() >> 7);
        edu.copy(from.address, kBuffer, kTransfer, 0);
        edu.copy(kBuffer, to.address, kTransfer, kFromDevice);
        demand(std::memcmp(from.bytes.data(), to.bytes.data(), kTransfer) == 0, "what came back is not what was sent");
    }
    std::puts("EDU-DMA");
}

/// Of a row of /proc/interrupts.
unsigned counted_on(unsigned cpu, const char* row) {
    std::ifstream file{"/proc/interrupts"};
    for (std::string line; std::getline(file, line);) {
        std::istringstream words{line};
        std::string name;
        if (!(words >> name) || name != row) continue;
        unsigned count = 0;
        for (unsigned i = 0; i <= cpu; ++i) words >> count;
        return count;
    }
    fail(row);
}

/// With `spins` the CPU does not idle meanwhile.
void check_interrupts(const Edu& edu, unsigned count, bool spins) {
    const std::uint32_t before = edu.interrupts_before();
    for (unsigned i = 0; i < count; ++i) {
        const std::uint32_t why = 1U << i % 32;
        edu.unmask();
        edu.set(RaiseInterrupt, why);
        demand((spins ? edu.spin_for_interrupt() : edu.wait_for_interrupt()) == before + i + 1,
               "another number of interrupts");
        demand(edu.get(InterruptStatus) == why, "another interrupt");
        edu.set(AcknowledgeInterrupt, why);
    }
    std::printf("EDU-INTERRUPTS %u\n", count);
}

/// Interrupts of a vector whose handler only counts them: Linux 6.1's POSTED_INTR_VECTOR.
constexpr std::uint16_t kCountingVector = 0xf2;
constexpr const char* kCounted = "PIN:";
void check_messages(const Edu& edu, unsigned cpus, unsigned count) {
    constexpr std::uint32_t kLocalApics = 0xfee00000;  // a message to CPU n has n in bits 12 to 19
    for (unsigned cpu = 0; cpu < cpus; ++cpu) {
        edu.send_messages(kLocalApics | cpu << 12, kCountingVector);
        const unsigned before = counted_on(cpu, kCounted);
        for (unsigned i = 1; i <= count; ++i) {
            edu.set(RaiseInterrupt, 1);
            for (int wait = 0; wait < kPatience && counted_on(cpu, kCounted) - before < i; ++wait) ::usleep(1000);
            demand(counted_on(cpu, kCounted) - before == i, "another number of messages");
            edu.set(AcknowledgeInterrupt, 1);
        }
    }
    std::printf("EDU-MESSAGES %u\n", cpus * count);
}

/// Neither gets the device what is there, nor is that changed; the guest's own page shows that DMA still works.
void check_outside(const Edu& edu, std::uint64_t outside) {
    const Page own;
    std::memset(own.bytes.data(), 0x5a, kPage);
    edu.copy(own.address, kBuffer, kTransfer, 0);
    edu.copy(kBuffer, outside, kTransfer, kFromDevice);
    edu.copy(outside, kBuffer, kTransfer, 0);
    const Page back;
    edu.copy(kBuffer, back.address, kTransfer, kFromDevice);
    std::printf("EDU-OUTSIDE %02x\n", std::to_integer<unsigned>(back.bytes[0]));
    check_dma(edu, 1);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 4 || argc > 6) return 64;
    const std::span words{argv, static_cast<std::size_t>(argc)};
    const Edu edu{words[1], words[2]};
    const auto interrupts = static_cast<unsigned>(std::strtoul(words[3], nullptr, 0));
    if (argc == 4) {
        check_interrupts(edu, interrupts, true);
        return 0;
    }
    check_registers(edu);
    check_dma(edu, 8);
    check_interrupts(edu, interrupts, false);
    check_outside(edu, std::strtoull(words[4], nullptr, 0));
    if (argc == 6) check_messages(edu, static_cast<unsigned>(std::strtoul(words[5], nullptr, 0)), interrupts);
    return 0;
}
