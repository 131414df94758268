// SPDX-License-Identifier: Apache-2.0
// The MSI capability of a function (PCI 3.0, 6.8.1). Its registers are ordinary bytes of a configuration space; this
// makes what they say true. A vector is an input of the router, as with MSI-X.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "devices/pci/config_space.hpp"
#include "vmm/irq_line.hpp"

namespace qvm {

/// Not thread-safe, except for what says otherwise.
class Msi {
public:
    static constexpr unsigned kMostVectors = 32;

    struct Form {
        unsigned vectors = 1;   ///< a power of two up to kMostVectors
        bool wide = false;      ///< with the upper half of the address
        bool maskable = false;  ///< with mask and pending bits
    };
    /// Of the function `requester`, at `offset` of the space, whose bytes it sets. The router must outlive this
    /// object's use.
    Msi(MsiRouter& router, const Form& form, ConfigSpace& space, std::size_t offset, unsigned requester);

    /// Bytes of a capability of that form.
    [[nodiscard]] static std::size_t size(const Form& form) noexcept;
    /// What Message Control says.
    [[nodiscard]] static Form form(std::uint16_t control) noexcept;

    /// Takes the router's inputs. Set-up only, once, when the interrupt controllers have theirs.
    void connect();
    /// The guest may have written the registers.
    void settle(const ConfigSpace& space) noexcept;
    /// Brings the pending bits up to date.
    void show_pending(ConfigSpace& space) const noexcept;

    [[nodiscard]] bool enabled() const noexcept { return enabled_; }
    /// How many vectors the guest has enabled.
    [[nodiscard]] unsigned used() const noexcept { return used_; }
    [[nodiscard]] unsigned vectors() const noexcept { return form_.vectors; }
    /// Signals those that the guest has enabled, whether or not they are masked now.
    void signal_used() noexcept;
    /// An eventfd that sends the vector's message; -1 before connect().
    [[nodiscard]] int trigger(unsigned vector) noexcept;
    /// Where the vector's messages go; 0 if it has not been let through yet.
    [[nodiscard]] std::uint64_t address(unsigned vector) const noexcept { return addresses_[vector]; }
    /// Whether that has changed since the last call.
    [[nodiscard]] bool take_moved() noexcept { return std::exchange(moved_, false); }

private:
    [[nodiscard]] MsiMessage message(const ConfigSpace& space) const noexcept;
    [[nodiscard]] std::size_t data_at() const noexcept;
    [[nodiscard]] std::size_t mask_at() const noexcept;

    MsiRouter& router_;
    const Form form_;
    const std::size_t offset_;
    const unsigned requester_;
    std::optional<unsigned> first_;  ///< the router's input of vector 0
    bool enabled_ = false;
    unsigned used_ = 0;
    std::vector<bool> open_;                ///< by vector; its size is fixed
    std::vector<std::uint64_t> addresses_;  ///< the same
    bool moved_ = false;
};

}  // namespace qvm
