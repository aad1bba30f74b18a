# pinhole_layer(NAME SOURCES file... LINKS target...): one folder, one static library.
function(pinhole_layer name)
    cmake_parse_arguments(LAYER "" "" "SOURCES;LINKS" ${ARGN})
    add_library(pinhole-${name} STATIC ${LAYER_SOURCES})
    target_link_libraries(pinhole-${name} PUBLIC ${LAYER_LINKS})
endfunction()
