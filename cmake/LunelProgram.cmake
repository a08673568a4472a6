# SPDX-License-Identifier: GPL-3.0-or-later
#
# The program bin/lunel, the loadable module lib/lunel/core.so, and what is installed.

set(LUNEL_SCRIPTS_DIR ${CMAKE_SOURCE_DIR}/scripts)
set(LUNEL_INSTALLED_SCRIPTS_DIR ${CMAKE_INSTALL_FULL_DATADIR}/lunel)

if(TARGET lnl_bindings)
	add_library(lunel_core MODULE $<TARGET_OBJECTS:lnl_bindings>)
	set_target_properties(lunel_core PROPERTIES
		PREFIX "" OUTPUT_NAME core
		LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib/lunel)
	# The module's own luaopen function is all that a host shall see; Lua is the host's.
	target_link_options(lunel_core PRIVATE -Wl,--exclude-libs,ALL ${LUNEL_LTO_PROGRAMS})
	lunel_link(lunel_core ${LUNEL_ALL_ROOMS})
	target_link_libraries(lunel_core PRIVATE lunel::cjson lunel::microhttpd Threads::Threads)
	install(TARGETS lunel_core DESTINATION ${CMAKE_INSTALL_LIBDIR}/lua/5.1/lunel)
endif()

if(EXISTS ${CMAKE_SOURCE_DIR}/bindings/main.c)
	add_executable(lunel bindings/main.c bindings/edit.c)
	if(TARGET lnl_bindings)
		target_sources(lunel PRIVATE $<TARGET_OBJECTS:lnl_bindings>)
	endif()
	target_include_directories(lunel PRIVATE ${LUNEL_VIEWS}/bindings)
	# In the build tree the scripts are the source tree's; once they are gone, the installed.
	target_compile_definitions(lunel PRIVATE _GNU_SOURCE
		LUNEL_VERSION="${PROJECT_VERSION}"
		LUNEL_SCRIPTS_DIR="${LUNEL_SCRIPTS_DIR}"
		LUNEL_MODULES_PLACE="${CMAKE_INSTALL_LIBDIR}/lua/5.1"
		LUNEL_INSTALLED_MODULES_DIR="${CMAKE_INSTALL_FULL_LIBDIR}/lua/5.1"
		LUNEL_INSTALLED_SCRIPTS_DIR="${LUNEL_INSTALLED_SCRIPTS_DIR}")
	set_target_properties(lunel PROPERTIES
		RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin
		ENABLE_EXPORTS ON)
	if(NOT LUNEL_SANITIZE)
		target_link_options(lunel PRIVATE -pie)
	endif()
	target_link_options(lunel PRIVATE ${LUNEL_LTO_PROGRAMS})
	lunel_link(lunel ${LUNEL_ALL_ROOMS})
	target_link_libraries(lunel PRIVATE
		lunel::luajit lunel::cjson lunel::microhttpd lunel::edit Threads::Threads ${CMAKE_DL_LIBS})
	install(TARGETS lunel DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

# `lunel test`: the same bindings and rooms over engine/sim, a module that bin/lunel and a stock luajit
# load. What the simulator defines is not taken from io, which comes behind it; what the system's library
# has under its own name is led here by --wrap.
if(TARGET lnl_bindings AND TARGET lnl_sim)
	add_library(lunel_sim MODULE bindings/sim.c
		$<TARGET_OBJECTS:lnl_bindings> $<TARGET_OBJECTS:lnl_sim>)
	target_include_directories(lunel_sim PRIVATE ${LUNEL_VIEWS}/bindings)
	target_include_directories(lunel_sim SYSTEM PRIVATE # Lua is the host's, here too
		$<TARGET_PROPERTY:lunel::luajit,INTERFACE_INCLUDE_DIRECTORIES>)
	target_compile_definitions(lunel_sim PRIVATE _GNU_SOURCE)
	set_target_properties(lunel_sim PROPERTIES
		PREFIX "" OUTPUT_NAME sim
		LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib/lunel)
	# Its own functions are its own, also in a program that has others of that name; it stays loaded, as
	# what its libraries keep for good is found through it alone.
	target_link_options(lunel_sim PRIVATE
		-Wl,--exclude-libs,ALL -Wl,-Bsymbolic -Wl,-z,nodelete ${LUNEL_LTO_OTHERS})
	foreach(name lnl_worker_new clock_gettime time pthread_create pthread_setname_np pthread_join sched_yield
			recvmmsg recvmsg recv read sendmmsg sendmsg sendto writev close)
		target_link_options(lunel_sim PRIVATE -Wl,--wrap=${name})
	endforeach()
	lunel_link(lunel_sim ${LUNEL_ALL_ROOMS})
	target_link_libraries(lunel_sim PRIVATE
		lunel::cjson lunel::microhttpd Threads::Threads m)
	install(TARGETS lunel_sim DESTINATION ${CMAKE_INSTALL_LIBDIR}/lua/5.1/lunel)
endif()

install(DIRECTORY scripts/ DESTINATION ${CMAKE_INSTALL_DATADIR}/lunel
	FILES_MATCHING PATTERN "*.lua")
install(FILES scripts/lunel.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
