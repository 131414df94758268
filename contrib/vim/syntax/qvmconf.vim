" SPDX-License-Identifier: Apache-2.0
" Vim syntax file
" Language: qvmconf, the configuration language of qvm
" Made by tools/generate from the tables of qvm: do not edit.
if exists('b:current_syntax')
  finish
endif
let s:cpo_save = &cpo
set cpo&vim

syntax case match
syntax iskeyword 33,36-126,128-255
syntax sync fromstart

" Arguments
syntax match qvmconfValue /[^ \t\r"#]\+/ contained contains=@qvmconfParts
syntax cluster qvmconfParts contains=qvmconfChoice,qvmconfNumber,qvmconfPriority,qvmconfLine,qvmconfSpace,qvmconfDirection,qvmconfSubstitution,qvmconfPlain
syntax match qvmconfChoice /\<\%(abort\|auto\|disable\|dump\|dump,fiq\|dump,terminate\|enable\|fail\|false\|fiq\|forever\|ignore\|instruction\|keyboard\|mouse\|multi-touch\|none\|off\|on\|packed\|pointer\|reference\|register\|required\|single-touch\|split\|terminate\|touch\|touchscreen\|true\|warn\)\>/ contained

" Options
syntax match qvmconfContext /\<\%(cpu\|pass\|reserve\|vdev\)\>/
syntax match qvmconfBlob /\<\%(acpi\|data\|fdt\|guest\|initrd\)\>/
syntax match qvmconfSwitch /\<\%(debug\|dryrun\)\>/
syntax match qvmconfGlobal /\<\%(cmdline\|dump\|load\|ram\|rom\|safety\|set\|system\|unsupported\|user\)\>/ nextgroup=qvmconfValue skipwhite skipempty
syntax match qvmconfFlag /\<\%(legacy\|legacy-free\|tx-backpressure\)\>/
syntax match qvmconfOption /\<\%(action\|allow\|batch\|bind-mode\|clone\|cluster\|config\|create\|delayed\|deny\|dio\|directio\|discard\|display\|force_dev_presence\|frequency\|gicc\|gicd\|gicr\|global_alpha\|guest-cid\|host_path\|hostdev\|hostvector\|intr\|intrmap\|loc\|mac\|msi\|mtu\|name\|node\|num_req_queues\|offset\|options\|partition\|peer\|peerfeats\|pipeline\|port\|protocol\|queues\|rate\|reg\|ring\|runmask\|sched\|screen\|serial\|size\|socket\|statistics\|tag\|tapdev\|threads\|type\|version\|vhost\|window\|zorder\)\>/ nextgroup=qvmconfValue skipwhite skipempty
syntax match qvmconfVdev /\<\%(vdev\)\>/ nextgroup=qvmconfType,qvmconfValue skipwhite skipempty
syntax match qvmconfSet /\<\%(set\)\>/ nextgroup=qvmconfVariable,qvmconfValue skipwhite skipempty
syntax match qvmconfLog /\<\%(log\|logger\)\>/ nextgroup=qvmconfSeverities,qvmconfValue skipwhite skipempty

" What must follow them; the file name of a type is a type, too
syntax match qvmconfType /\%([^ \t\r"#]*\/\)\=\%(vdev-\)\=\%(8259\|gic\|hpet\|ioapic\|mc146818\|pci-dummy\|pckeyboard\|pl011\|progress\|rtc-pl031\|ser8250\|shmem\|smmu\|timer8254\|tpm\|vhost-user\|virtio-balloon\|virtio-blk\|virtio-console\|virtio-entropy\|virtio-fs\|virtio-gpu\|virtio-input\|virtio-net\|virtio-snd\|virtio-video\|virtio-vsock\|wdt-ib700\|wdt-sp805\)\%(-safety\)\=\%(\.so\)\=\%($\|[ \t\r"#]\)\@=/ contained
syntax match qvmconfVariable /\<\%(counter-offset\|debug\|exit-on-halt\|fdt-dump-file\|gic-hwassist\|grow-heap\|host-devmem\|host-halt-poll\|host-hugepages\|host-io-poll\|host-io-runmask\|host-io-sched\|host-lock-memory\|host-main-runmask\|host-main-sched\|host-paddr-gicd\|host-paddr-gich\|host-paddr-gicv\|host-prefault\|host-sched\|legacy-free\|message-block-timeout\|pass-intr-follow\|pass-intr-limit\|pointer-authentication\|posted-interrupts\|power-key\|slog-buffer\|vdev-message-block-timeout\|virtual-interrupts\)\>/ contained nextgroup=qvmconfValue skipwhite skipempty
syntax match qvmconfSeverity /\%(debug\|error\|fatal\|info\|internal\|verbose\|warn\|warning\)\%($\|[, \t\r"#]\)\@=/ contained
syntax match qvmconfSeverities /\<\%(debug\|error\|fatal\|info\|internal\|verbose\|warn\|warning\)\%(,\%(debug\|error\|fatal\|info\|internal\|verbose\|warn\|warning\)\)*\>/ contained contains=qvmconfSeverity nextgroup=qvmconfDestination skipwhite skipempty
syntax match qvmconfDestination /\<\%(none\|slog\|stderr\|stdout\)\>/ contained

syntax match qvmconfNumber /\%(^\|[ \t,=:."]\)\@1<=\%(0[xX]\x\+\|0[dD]\d\+\|\d\+\)[KkMmGgTt]\=\%($\|[ \t\r,=:."#]\)\@=/
syntax match qvmconfPriority /\%(^\|[ \t,]\)\@1<=\d\+[rfos]\%($\|[ \t\r"#]\)\@=/
syntax match qvmconfLine /\%(^\|[ \t,]\)\@1<=[A-Za-z_][^ \t\r:,="#|<>/]*:\%(0[xX]\x\+\|\d\+\)\%($\|[ \t\r,="#]\)\@=/ contains=qvmconfNumber
syntax match qvmconfSpace /\%(^\|[ \t=]\)\@1<=\%(mem\|io\|pci\):/
syntax match qvmconfDirection /\%(^\|[ \t<>]\)\@1<=\%([<>]|\=\|-\%($\|[ \t\r#]\)\@=\)/
syntax match qvmconfSubstitution /\$\%(env\|asinfo_start\|asinfo_length\){[^}"]*}/
syntax match qvmconfPlain /\\\@1<!\\\%(\\\\\)*\$\%(env\|asinfo_start\|asinfo_length\){/

" Text and comments
syntax region qvmconfString start=/"/ skip=/\\["\\]/ end=/"/ contains=qvmconfEscape,qvmconfSubstitution,qvmconfPlain,qvmconfJoin
syntax match qvmconfEscape /\\["\\]/ contained
syntax match qvmconfJoin /\\$/
syntax match qvmconfComment /#.*$/ contains=qvmconfTodo,@Spell
syntax keyword qvmconfTodo TODO FIXME XXX contained

highlight default link qvmconfContext Structure
highlight default link qvmconfVdev Structure
highlight default link qvmconfBlob StorageClass
highlight default link qvmconfSwitch Statement
highlight default link qvmconfGlobal Statement
highlight default link qvmconfSet Statement
highlight default link qvmconfLog Statement
highlight default link qvmconfFlag Keyword
highlight default link qvmconfOption Keyword
highlight default link qvmconfType Type
highlight default link qvmconfVariable Identifier
highlight default link qvmconfSeverity Constant
highlight default link qvmconfDestination Constant
highlight default link qvmconfChoice Constant
highlight default link qvmconfNumber Number
highlight default link qvmconfPriority Number
highlight default link qvmconfLine Identifier
highlight default link qvmconfSpace Special
highlight default link qvmconfDirection Operator
highlight default link qvmconfSubstitution PreProc
highlight default link qvmconfString String
highlight default link qvmconfEscape SpecialChar
highlight default link qvmconfJoin SpecialChar
highlight default link qvmconfComment Comment
highlight default link qvmconfTodo Todo

let b:current_syntax = 'qvmconf'
let &cpo = s:cpo_save
unlet s:cpo_save
