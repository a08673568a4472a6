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

lunel_view(everything wire crypto control data io bindings lunel.h lunel_files.h lunel_metrics.h lunel_packet.h ${plain})
foreach(source ${programs})
	get_filename_component(name ${source} NAME_WE)
	add_executable(bench_${name} ${source} ${shared})
	target_include_directories(bench_${name} PRIVATE ${LUNEL_VIEWS}/everything ${CMAKE_SOURCE_DIR})
	target_compile_definitions(bench_${name} PRIVATE _GNU_SOURCE)
	set_target_properties(bench_${name} PROPERTIES
		OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
	lunel_link(bench_${name} ${LUNEL_ALL_ROOMS})
	target_link_libraries(bench_${name} PRIVATE lunel_wolfssl lunel::luajit Threads::Threads)
endforeach()

# bench/engine.c counts what packets allocate.
if(TARGET bench_engine)
	target_link_options(bench_engine PRIVATE -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc)
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
