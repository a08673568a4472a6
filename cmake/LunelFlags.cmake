# SPDX-License-Identifier: GPL-3.0-or-later
#
# Compiler and linker flags of every target.

set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g")
set(CMAKE_C_FLAGS_DEBUG "-O1 -g -fno-omit-frame-pointer")

add_compile_options(
	-Wall -Wextra -Wshadow -Wundef -Wvla -Wformat=2 -Wwrite-strings
	-Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition
	-Wpointer-arith -Wcast-qual -Wcast-align -Wimplicit-fallthrough -Wredundant-decls)
if(CMAKE_C_COMPILER_ID STREQUAL GNU)
	add_compile_options(-Wlogical-op -Wduplicated-cond -Wtrampolines)
endif()
if(LUNEL_WERROR)
	add_compile_options(-Werror)
endif()

if(LUNEL_HARDEN)
	if(NOT CMAKE_BUILD_TYPE STREQUAL Debug)
		add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
	endif()
	add_compile_options(-fstack-protector-strong -fstack-clash-protection)
	if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64")
		add_compile_options(-fcf-protection)
	endif()
	add_link_options(-Wl,-z,relro,-z,now,-z,noexecstack)
endif()

if(LUNEL_SANITIZE)
	add_compile_options(-fsanitize=${LUNEL_SANITIZE} -fno-omit-frame-pointer)
	string(REPLACE "fuzzer-no-link," "" link "${LUNEL_SANITIZE}")
	add_link_options(-fsanitize=${link})
	if(LUNEL_SANITIZE MATCHES undefined)
		add_compile_options(-fno-sanitize-recover=undefined)
	endif()
endif()

# A packet's way goes through four rooms, a few instructions in each: the compiler sees them as one, in
# what is shipped and measured (seen: a third less of what is above the cipher). Tests, which put
# functions of their own in the place of others, link the same objects without it.
if(LUNEL_LTO AND CMAKE_C_COMPILER_ID STREQUAL GNU AND NOT LUNEL_SANITIZE
		AND NOT CMAKE_BUILD_TYPE STREQUAL Debug)
	set(LUNEL_LTO_ROOMS -flto=auto -ffat-lto-objects)
	set(LUNEL_LTO_PROGRAMS -flto=auto)
	set(LUNEL_LTO_OTHERS -fno-lto)
endif()
