// SPDX-License-Identifier: Apache-2.0
// No kernel of Debian 12 has iommufd: a double answers as Linux 6.6 does.
#include "devices/vfio/iommufd.hpp"

#include <sys/eventfd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <map>
#include <optional>

#include "devices/vfio/iommufd_uapi.hpp"
#include "support/fake_vfio.hpp"
#include "vmm/error.hpp"

using namespace qvm;
using Catch::Contains;

namespace {

constexpr std::uint32_t kSpace = 7;

/// What the double is told to do, and what it was asked.
struct Script {
    std::map<std::string, int> refused_files{};
    std::map<unsigned long, int> refused_calls{};
    std::vector<iommufd::IovaRange> usable{{0, 0xfedf'ffff}, {0xfef0'0000, UINT64_MAX}};

    std::map<int, std::string> open{};
    std::vector<std::string> bound{}, attached{};
    std::vector<iommufd::IoasMap> maps{};
};

class FakeKernel final : public IommufdKernel {
public:
    explicit FakeKernel(Script& script) : script_{script} {}

    UniqueFd open(const std::string& path) override {
        if (const auto refused = script_.refused_files.find(path); refused != script_.refused_files.end()) {
            errno = refused->second;
            return {};
        }
        UniqueFd fd{::eventfd(0, EFD_CLOEXEC)};
        script_.open[fd.get()] = path;
        return fd;
    }

    int call(int fd, unsigned long request, void* argument) override {
        if (const auto refused = script_.refused_calls.find(request); refused != script_.refused_calls.end()) {
            errno = refused->second;
            return -1;
        }
        const std::string& path = script_.open.at(fd);
        switch (request) {
            case iommufd::kIoasAlloc:
                return alloc(path, *static_cast<iommufd::IoasAlloc*>(argument));
            case iommufd::kBindIommufd:
                return bind(path, *static_cast<iommufd::BindIommufd*>(argument));
            case iommufd::kAttachPt:
                return attach(path, *static_cast<iommufd::AttachPt*>(argument));
            case iommufd::kIoasIovaRanges:
                return ranges(path, *static_cast<iommufd::IoasIovaRanges*>(argument));
            case iommufd::kIoasMap:
                return map(path, *static_cast<iommufd::IoasMap*>(argument));
            default:
                return fail(ENOTTY);
        }
    }

    std::unique_ptr<VfioDevice> device(UniqueFd fd, const std::string&) override {
        kept_.push_back(std::move(fd));
        return std::make_unique<test::FakeVfio>();
    }

private:
    static int fail(int error) {
        errno = error;
        return -1;
    }
    static int alloc(const std::string& path, iommufd::IoasAlloc& request) {
        if (path != "/dev/iommu" || request.size != sizeof request || request.flags != 0) return fail(EINVAL);
        request.out_ioas_id = kSpace;
        return 0;
    }
    int bind(const std::string& path, iommufd::BindIommufd& request) {
        if (request.argsz != sizeof request || script_.open.at(request.iommufd) != "/dev/iommu") return fail(EINVAL);
        request.out_devid = 1;
        script_.bound.push_back(path);
        return 0;
    }
    int attach(const std::string& path, const iommufd::AttachPt& request) {
        const bool bound = !script_.bound.empty() && script_.bound.back() == path;
        if (request.argsz != sizeof request || request.pt_id != kSpace || !bound) return fail(EINVAL);
        script_.attached.push_back(path);
        return 0;
    }
    int ranges(const std::string& path, iommufd::IoasIovaRanges& request) const {
        if (path != "/dev/iommu" || request.size != sizeof request || request.ioas_id != kSpace) return fail(EINVAL);
        const std::uint32_t room = request.num_iovas;
        request.num_iovas = static_cast<std::uint32_t>(script_.usable.size());
        if (room < script_.usable.size()) return fail(EMSGSIZE);
        std::ranges::copy(script_.usable, reinterpret_cast<iommufd::IovaRange*>(request.allowed_iovas));
        return 0;
    }
    int map(const std::string& path, const iommufd::IoasMap& request) {
        if (path != "/dev/iommu" || request.size != sizeof request || request.ioas_id != kSpace) return fail(EINVAL);
        script_.maps.push_back(request);
        return 0;
    }

    Script& script_;
    std::vector<UniqueFd> kept_{};
};

class Bench {
public:
    Iommufd& space() {
        if (!space_) space_.emplace(std::make_unique<FakeKernel>(script));
        return *space_;
    }
    std::unique_ptr<VfioDevice> open(const std::string& cdev) {
        return space().open({.name = "0000:01:00.0", .group = 3, .cdev = cdev, .advice = advice});
    }

    Script script{};
    std::string advice{};

private:
    std::optional<Iommufd> space_{};
};

GuestMemory memory_of(std::initializer_list<std::pair<std::uint64_t, GuestMemory::Kind>> starts) {
    GuestMemory memory;
    for (const auto& [start, kind] : starts) memory.add(Range::make(start, 0x10000).value(), kind);
    return memory;
}
constexpr auto kRam = GuestMemory::Kind::Ram, kRom = GuestMemory::Kind::Rom;

}  // namespace

TEST_CASE("iommufd: devices are bound, and attached to one address space, which has the guest's RAM and no more") {
    Bench bench;
    const auto first = bench.open("vfio0");
    const auto second = bench.open("vfio5");
    CHECK(bench.script.bound == std::vector<std::string>{"/dev/vfio/devices/vfio0", "/dev/vfio/devices/vfio5"});
    CHECK(bench.script.attached == bench.script.bound);

    const GuestMemory memory = memory_of({{0, kRam}, {0xc0000, kRom}, {0x1'0000'0000, kRam}});
    bench.space().map(memory);
    REQUIRE(bench.script.maps.size() == 2);
    const auto& high = bench.script.maps[1];
    CHECK(bench.script.maps[0].iova == 0);
    CHECK(high.iova == 0x1'0000'0000);
    CHECK(high.length == 0x10000);
    CHECK(high.flags == 7);  // at this address, readable and writeable
    CHECK(high.user_va == reinterpret_cast<std::uint64_t>(memory.span(Gpa{high.iova}, 1)->data()));

    std::vector<std::string> told;
    bench.space().for_each_file([&](int fd) { told.push_back(bench.script.open.at(fd)); });
    CHECK(told == bench.script.bound);
}

TEST_CASE("iommufd: without a device nothing is mapped") {
    Bench bench;
    bench.space().map(memory_of({{0, kRam}}));
    CHECK(bench.script.maps.empty());
}

TEST_CASE("iommufd: what is in the way is told with the way out") {
    Bench bench;
    const auto opened = [&] { (void)bench.open("vfio0"); };
    SECTION("no right to the IOMMU's file") {
        bench.script.refused_files["/dev/iommu"] = EACCES;
        CHECK_THROWS_WITH(opened(), Contains("cannot open /dev/iommu") && Contains("udev rule"));
    }
    SECTION("no right to the device's file") {
        bench.script.refused_files["/dev/vfio/devices/vfio0"] = EACCES;
        CHECK_THROWS_WITH(opened(), Contains("cannot open /dev/vfio/devices/vfio0") && Contains("udev rule"));
    }
    SECTION("another user, or a group that is not viable") {
        bench.script.refused_calls[iommufd::kBindIommufd] = EBUSY;
        CHECK_THROWS_WITH(opened(), Contains("0000:01:00.0 cannot be had") && Contains("qvmctl pass list"));
        bench.advice = "\n  look there";
        CHECK_THROWS_WITH(opened(), Contains("names it\n  look there"));
    }
    SECTION("no interrupt remapping") {
        bench.script.refused_calls[iommufd::kAttachPt] = EPERM;
        CHECK_THROWS_WITH(opened(), Contains("iommufd.allow_unsafe_interrupts=1"));
    }
    SECTION("another kernel") {
        bench.script.refused_calls[iommufd::kIoasAlloc] = ENOTTY;
        CHECK_THROWS_WITH(opened(), Contains("IOMMU_IOAS_ALLOC"));
    }
    CHECK(bench.script.attached.empty());
}

TEST_CASE("iommufd: memory that devices cannot be given") {
    Bench bench;
    const auto device = bench.open("vfio0");
    SECTION("where the IOMMU has addresses of its own") {
        CHECK_THROWS_WITH(bench.space().map(memory_of({{0xfee0'0000, kRam}})),
                          Contains("devices cannot reach 0xfee00000 to 0xfee0ffff") && Contains("move the 'ram'"));
    }
    SECTION("more than may be locked") {
        bench.script.refused_calls[iommufd::kIoasMap] = ENOMEM;
        CHECK_THROWS_WITH(bench.space().map(memory_of({{0, kRam}})), Contains("IOMMU_IOAS_MAP"));
    }
    SECTION("a kernel that does not say what can be used") {
        bench.script.refused_calls[iommufd::kIoasIovaRanges] = ENOTTY;
        CHECK_THROWS_WITH(bench.space().map(memory_of({{0, kRam}})), Contains("IOMMU_IOAS_IOVA_RANGES"));
    }
    CHECK(bench.script.maps.empty());
}
