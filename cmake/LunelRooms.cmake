# SPDX-License-Identifier: GPL-3.0-or-later
#
# Rooms: libraries whose include path is a generated view, a folder of symbolic links to only
# what the room may see. A forbidden include does not compile because its file is not there.

set(LUNEL_VIEWS ${CMAKE_BINARY_DIR}/view)
define_property(GLOBAL PROPERTY LUNEL_ROOMS)

# Make the view |name| with links to |ARGN|: a room's folder, one header of a room, or a public
# header. A link may point to a file that does not exist yet.
function(lunel_view name)
	set(view ${LUNEL_VIEWS}/${name})
	# A view that is right already stays: another build may be reading it.
	set(stamp "${CMAKE_SOURCE_DIR};${ARGN}")
	if(EXISTS ${view}.txt)
		file(READ ${view}.txt old)
		if(old STREQUAL stamp)
			return()
		endif()
	endif()
	file(REMOVE_RECURSE ${view})
	file(MAKE_DIRECTORY ${view})
	# whole folders first: a single header of a folder that is seen whole needs no link
	foreach(item ${ARGN})
		if(item MATCHES "^(wire|crypto|control|data|io|sim)$")
			file(CREATE_LINK ${CMAKE_SOURCE_DIR}/engine/${item} ${view}/${item} SYMBOLIC)
		elseif(item STREQUAL bindings)
			file(CREATE_LINK ${CMAKE_SOURCE_DIR}/bindings ${view}/bindings SYMBOLIC)
		endif()
	endforeach()
	foreach(item ${ARGN})
		get_filename_component(folder ${item} DIRECTORY)
		if(folder)
			if(NOT IS_SYMLINK ${view}/${folder})
				file(MAKE_DIRECTORY ${view}/${folder})
				file(CREATE_LINK ${CMAKE_SOURCE_DIR}/engine/${item} ${view}/${item} SYMBOLIC)
			endif()
		elseif(item MATCHES "\\.h$")
			file(CREATE_LINK ${CMAKE_SOURCE_DIR}/engine/include/${item} ${view}/${item} SYMBOLIC)
		endif()
	endforeach()
	file(WRITE ${view}.txt "${stamp}")
endfunction()

# lunel_room(<name> DIR <folder> SEES <what>... [EXCLUDE <regex>] [REQUIRES <regex>] [SYSTEM]
#            [OBJECTS] [DEFINES <define>...] [LIBRARIES <library>...])
# The library lnl_<name> of the folder's sources. SYSTEM: it may use the system's interfaces.
# A room without sources (or without one that matches REQUIRES) is skipped.
function(lunel_room name)
	cmake_parse_arguments(arg "SYSTEM;OBJECTS" "DIR;EXCLUDE;REQUIRES" "SEES;DEFINES;LIBRARIES" ${ARGN})
	lunel_view(${name} ${arg_SEES})
	file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${arg_DIR}/*.c)
	if(arg_REQUIRES)
		set(there ${sources})
		list(FILTER there INCLUDE REGEX "${arg_REQUIRES}")
		if(NOT there)
			return()
		endif()
	endif()
	if(arg_EXCLUDE)
		list(FILTER sources EXCLUDE REGEX "${arg_EXCLUDE}")
	endif()
	if(NOT sources)
		return()
	endif()
	set(kind STATIC)
	if(arg_OBJECTS)
		set(kind OBJECT)
	endif()
	add_library(lnl_${name} ${kind} ${sources})
	target_include_directories(lnl_${name} PRIVATE ${LUNEL_VIEWS}/${name})
	if(arg_SYSTEM)
		target_compile_definitions(lnl_${name} PRIVATE _GNU_SOURCE)
	endif()
	if(arg_DEFINES)
		target_compile_definitions(lnl_${name} PRIVATE ${arg_DEFINES})
	endif()
	if(arg_LIBRARIES)
		target_link_libraries(lnl_${name} PUBLIC ${arg_LIBRARIES})
	endif()
	set_property(GLOBAL APPEND PROPERTY LUNEL_ROOMS ${name})
endfunction()

# The room |name| is on a packet's way, see LunelFlags.
function(lunel_optimise_whole name)
	if(TARGET lnl_${name})
		target_compile_options(lnl_${name} PRIVATE ${LUNEL_LTO_ROOMS})
	endif()
endfunction()

# Of the sources in |folder|, only those that match |regex| see wolfSSL's headers.
function(lunel_sees_wolfssl folder regex)
	file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*.c)
	list(FILTER sources INCLUDE REGEX "${regex}")
	if(sources AND NOT LUNEL_WOLFSSL_PREFIX STREQUAL "/usr")
		set_property(SOURCE ${sources} APPEND PROPERTY
			COMPILE_OPTIONS -isystem ${LUNEL_WOLFSSL_PREFIX}/include)
	endif()
endfunction()

# Link |target| with those of the rooms |ARGN| that have sources, in whatever order they need.
function(lunel_link target)
	set(libraries)
	foreach(room ${ARGN})
		if(TARGET lnl_${room})
			list(APPEND libraries lnl_${room})
			if(room STREQUAL crypto)
				list(APPEND outside lunel_wolfssl)
			endif()
		endif()
	endforeach()
	if(libraries)
		list(JOIN libraries "," group)
		target_link_libraries(${target} PRIVATE "$<LINK_GROUP:RESCAN,${group}>" ${outside})
	endif()
endfunction()

# What a program or a test of the whole engine links.
set(LUNEL_ALL_ROOMS engine io control data crypto wire)
