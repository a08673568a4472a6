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
	target_link_options(lunel_core PRIVATE -Wl,--exclude-libs,ALL)
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
		LUNEL_INSTALLED_SCRIPTS_DIR="${LUNEL_INSTALLED_SCRIPTS_DIR}")
	set_target_properties(lunel PROPERTIES
		RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin
		ENABLE_EXPORTS ON)
	if(NOT LUNEL_SANITIZE)
		target_link_options(lunel PRIVATE -pie)
	endif()
	lunel_link(lunel ${LUNEL_ALL_ROOMS})
	target_link_libraries(lunel PRIVATE
		lunel::luajit lunel::cjson lunel::microhttpd lunel::edit Threads::Threads ${CMAKE_DL_LIBS})
	install(TARGETS lunel DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

install(DIRECTORY scripts/ DESTINATION ${CMAKE_INSTALL_DATADIR}/lunel
	FILES_MATCHING PATTERN "*.lua")
install(FILES scripts/lunel.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
