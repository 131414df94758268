// SPDX-License-Identifier: Apache-2.0
// The kernel's KVM header, made right for C++: Linux 6.1's __DECLARE_FLEX_ARRAY puts an empty struct in front of a
// flexible array, which has size 1 in C++ and moves the array. Everyone includes this instead of <linux/kvm.h>.
#pragma once

#include <linux/stddef.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#undef __DECLARE_FLEX_ARRAY
#define __DECLARE_FLEX_ARRAY(type, name) type name[0]
#include <linux/kvm.h>
#pragma GCC diagnostic pop

// The sizes are part of the ioctl numbers (Documentation/virt/kvm/api.rst).
static_assert(sizeof(kvm_irq_routing) == 8);
static_assert(sizeof(kvm_signal_mask) == 4);
