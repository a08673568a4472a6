# SPDX-License-Identifier: GPL-3.0-or-later
#
# bench/*.c: a source with a main is a program build/bench/<name>, the rest is shared by them.

file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/bench/*.c)
set(shared)
set(programs)
foreach(source ${sources})
	file(STRINGS ${source} has_main REGEX "^(int )?main\\(" LIMIT_COUNT 1)
	if(has_main)
		list(APPEND programs ${source})
	else()
		list(APPEND shared ${source})
	endif()
endforeach()

# What runs scripts belongs to bench/hooks.c alone.
list(FILTER shared EXCLUDE REGEX "/hooks_[a-z]+\\.c$")

lunel_view(everything wire crypto control data io bindings ${LUNEL_PUBLIC} ${plain})
foreach(source ${programs})
	get_filename_component(name ${source} NAME_WE)
	add_executable(bench_${name} ${source} ${shared})
	target_include_directories(bench_${name} PRIVATE ${LUNEL_VIEWS}/everything ${CMAKE_SOURCE_DIR})
	target_compile_definitions(bench_${name} PRIVATE _GNU_SOURCE)
	set_target_properties(bench_${name} PROPERTIES
		OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
	target_compile_options(bench_${name} PRIVATE ${LUNEL_LTO_ROOMS})
	target_link_options(bench_${name} PRIVATE ${LUNEL_LTO_PROGRAMS})
	lunel_link(bench_${name} ${LUNEL_ALL_ROOMS})
	target_link_libraries(bench_${name} PRIVATE lunel_wolfssl lunel::luajit Threads::Threads)
endforeach()

# bench/hooks.c runs scripts.
if(TARGET bench_hooks AND TARGET lnl_bindings)
	target_sources(bench_hooks PRIVATE ${CMAKE_SOURCE_DIR}/bench/hooks_policy.c
		$<TARGET_OBJECTS:lnl_bindings>)
	target_compile_definitions(bench_hooks PRIVATE LUNEL_SCRIPTS_DIR="${LUNEL_SCRIPTS_DIR}")
	target_link_libraries(bench_hooks PRIVATE lunel::cjson lunel::microhttpd)
	if(LUNEL_TESTS)
		add_test(NAME bench_hooks COMMAND bench_hooks --rounds 1 --milliseconds 1 --peers 100)
		set_tests_properties(bench_hooks PROPERTIES LABELS bench TIMEOUT 120)
	endif()
endif()

# bench/engine.c counts what packets allocate.
if(TARGET bench_engine)
	target_link_options(bench_engine PRIVATE -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=posix_memalign)
endif()

# Short runs, so that they do not rot; what they measure is nothing.
if(LUNEL_TESTS AND TARGET bench_engine)
	add_test(NAME bench_engine COMMAND bench_engine --rounds 1 --milliseconds 1)
	set_tests_properties(bench_engine PROPERTIES LABELS bench TIMEOUT 120)
endif()
if(LUNEL_TESTS AND TARGET bench_handshake AND TARGET lunel)
	add_test(NAME bench_handshake COMMAND bench_handshake --rounds 1 --seconds 0.05 --clients 2)
	set_tests_properties(bench_handshake PROPERTIES LABELS bench TIMEOUT 120
		ENVIRONMENT "LUNEL=$<TARGET_FILE:lunel>")
endif()
